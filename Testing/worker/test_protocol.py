"""Lines: what is sent comes out again, and what is no message is told so."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from p2sam_worker.protocol import LineBuffer, ProtocolError, check_version, decode, encode

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


@given(st.dictionaries(st.text(), values))
def test_what_is_encoded_is_one_line_and_decodes_to_the_same(fields):
    fields.pop("v", None)
    line = encode(fields)
    assert line.endswith(b"\n") and line.count(b"\n") == 1
    assert decode(line) == {"v": 1, **fields}


@pytest.mark.parametrize("value", [float("nan"), float("inf"), b"bytes", object()])
def test_what_json_does_not_know_is_refused(value):
    with pytest.raises(ProtocolError, match="cannot be written as JSON"):
        encode({"id": 1, "value": value})


@pytest.mark.parametrize("line", [b"", b"hello", b"{", b"\xff\xfe{}", b"[1, 2]", b"3", b"null", b'{"a": 1} {"b": 2}', b"[" * 100_000])
def test_garbage_is_an_error_that_shows_its_start(line):
    with pytest.raises(ProtocolError) as caught:
        decode(line)
    assert "one JSON object a line" in str(caught.value) and len(str(caught.value)) < 500


@pytest.mark.parametrize("version", [0, 2, "1", None, True, 1.5])
def test_another_version_is_told_with_the_way_out(version):
    with pytest.raises(ProtocolError, match="install P2SAMSlicer again, and restart Slicer"):
        check_version({"v": version})
    check_version({"v": 1})


@given(st.lists(st.binary(max_size=30).map(lambda line: line.replace(b"\n", b" ").rstrip(b"\r")), max_size=8), st.data())
def test_lines_come_out_whole_however_they_are_cut(lines, data):
    stream = b"".join(line + b"\n" for line in lines)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=10)))
    buffer, found = LineBuffer(), []
    for start, end in zip([0, *cuts], [*cuts, len(stream)]):
        found += buffer.feed(stream[start:end])
    assert found == lines and buffer.rest() == b""


def test_windows_line_ends_are_taken_off():
    assert list(LineBuffer().feed(b'{"a": 1}\r\n{"b": 2}\r\n')) == [b'{"a": 1}', b'{"b": 2}']


def test_a_line_without_an_end_does_not_fill_the_memory_and_the_next_one_is_heard():
    buffer = LineBuffer(longest=1000)
    for _ in range(5000):
        assert list(buffer.feed(b'{"x": "' + b"y" * 100)) == []
    assert len(buffer.rest()) <= 1000
    long, next_one = buffer.feed(b'"}\n{"good": true}\n')
    with pytest.raises(ProtocolError):
        decode(long)
    assert json.loads(next_one) == {"good": True}
