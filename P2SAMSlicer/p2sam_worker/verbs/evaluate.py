"""evaluate: masks against the masks a person holds to be right."""

from __future__ import annotations

from p2sam.metrics import compute

from ..incoming import masks_of, matrix_of
from ..protocol import ProtocolError
from ..session import Session
from ..task import Task


def evaluate(session: Session, task: Task) -> dict:
    """A row of `metrics.csv` for each structure of `truth`; its masks and those of `result` lie on one grid."""
    request, rows = task.request, []
    truth, result = request.get("truth", dict), request.get("result", dict)
    absent = [name for name in truth if name not in result]
    if absent:
        raise ProtocolError(f"The result has no '{absent[0]}'; send a result for each structure of the truth.")
    matrix = matrix_of(request.parameters, "evaluation")
    for number, name in enumerate(truth):
        task.check_cancelled()
        task.progress("evaluate", number, len(truth))
        known = session.job.take_array(truth[name], ndim=3, mask=True)
        drawn = masks_of({name: result[name]}, session.job, known.shape)[name]
        rows.append({"structure": name, "method": "P2SAM", **compute(known, drawn, matrix).as_row()})
    return {"rows": rows}
