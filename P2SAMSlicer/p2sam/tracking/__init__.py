"""The aligned prior, tracked to where its surroundings are found in the follow-up."""

from .search import track as track
