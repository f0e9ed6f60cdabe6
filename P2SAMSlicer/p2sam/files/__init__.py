"""Everything that touches the disk: scans, segmentations, prompts, tables, the result folder."""
