"""evaluate: masks against the masks a person holds to be right."""

from __future__ import annotations

from p2sam.metrics import compute
from p2sam.volume import Volume

from ..incoming import mask_of, matrix_of
from ..protocol import ProtocolError
from ..session import Session
from ..task import Task


def evaluate(session: Session, task: Task) -> dict:
    """A row of `metrics.csv` for each structure of `truth` (a file on the result's grid, or {mask, ijk_to_ras} on another one)."""
    request, rows = task.request, []
    truth, result = request.get("truth", dict), request.get("result", dict)
    absent = [name for name in truth if name not in result]
    if absent:
        raise ProtocolError(f"The result has no '{absent[0]}'; send a result for each structure of the truth.")
    matrix = matrix_of(request.parameters, "evaluation")
    for number, name in enumerate(truth):
        task.check_cancelled()
        task.progress("evaluate", number, len(truth))
        drawn = session.job.take_array(result[name], ndim=3, mask=True)
        told = truth[name] if isinstance(truth[name], dict) else {"mask": truth[name]}
        known = mask_of(told, Volume(drawn, matrix), session.job, f"truth of '{name}'")
        rows.append({"structure": name, "method": "P2SAM", **compute(known, drawn, matrix).as_row()})
    return {"rows": rows}
