"""The cards of the fine-tuned models that a grid keeps: what each scored, in its folder."""

from __future__ import annotations

from diversity.grid.build import GridStages
from diversity.grid.results import Cell
from diversity.grid.scan import Scan


def write_cards(stages: GridStages, state: Scan) -> None:
    """Write the card of every fine-tuned model that is still there, with the scores that its cells have so far."""
    from diversity.training.intermediate import read_record
    from diversity.zeroshot.card import CARD, write_card

    for key, cells in _by_model(stages).items():
        folder = state.folder.files(key)
        if key not in state.records or CARD in state.records[key].files or not folder.is_dir():
            continue  # removed, or of a version that recorded the card as it was
        rows = [
            {**row, **cell.columns(state)}
            for cell in cells.values()
            if cell.stage in state.records
            for row in state.records[cell.stage].rows
            if "value" in row
        ]
        run = next(iter(cells.values())).run
        write_card(folder, read_record(folder), rows, model=run.model, mixture=run.mixture)


def _by_model(stages: GridStages) -> dict[str, dict[str, Cell]]:
    """The cells of each fine-tuned model, one for each target."""
    models: dict[str, dict[str, Cell]] = {}
    graph = stages.graph.stages
    for cell in stages.cells:
        key = graph[graph[cell.stage].inputs["predictions"]].inputs.get("checkpoint")
        if key is not None and graph[key].kind.name == "finetune":
            models.setdefault(key, {}).setdefault(cell.run.target, cell)
    return models
