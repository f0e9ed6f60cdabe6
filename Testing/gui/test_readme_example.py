"""The example of the README runs as it stands."""

import re
import sys
from pathlib import Path

import slicer

README = Path(__file__).resolve().parents[2] / "README.md"


def test_the_python_console_example_runs_as_it_stands(scene, module, printed, capsys):
    (example,) = re.findall(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    assert len([line for line in example.splitlines() if line.strip()]) <= 10
    console = {"slicer": slicer}
    exec(compile(example, "README.md", "exec"), console)
    console["logic"].shutdown()
    first, last = (line for line in capsys.readouterr().out.splitlines() if line.startswith("GTV") or line.endswith(".html"))
    assert re.match(r"GTV slice \d+ distance \d", first)
    assert Path(last).is_file() and "GTV" in Path(last).read_text(encoding="utf-8")
    assert "torch" not in sys.modules
