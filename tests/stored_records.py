"""Records put into a real store, as runs would have told it."""

import dataclasses
import io

import numpy as np
from PIL import Image


def put(store, identity, records, pictures=None):
    """Id of the experiment with these runs in it; ``pictures`` gives a run's samples as a PNG."""
    experiment = store.experiment(identity.key)
    store.describe_experiment(experiment, {"bench.identity": identity.model_dump_json()})
    for record in records:
        logger = store.logger(
            store.create_run(experiment, name=record.run_id, params=record.params, tags=record.tags)
        )
        seen = int(record.metrics.get("cost/images_seen", 0))
        logger.metrics({k: v for k, v in record.metrics.items() if k not in record.histories}, seen)
        steps = {}
        for name, points in record.histories.items():
            for step, value in points:
                steps.setdefault(step, {})[name] = value
        for step, values in steps.items():
            logger.metrics(values, step)
        if pictures:
            with Image.open(io.BytesIO(pictures(record.run_id, "samples"))) as picture:
                logger.picture("samples", np.asarray(picture), seen)
        if record.finished:
            store.end_run(logger.run_id, ok=True)
    return experiment


def small(records):
    """The same with curves of three points, which are enough to be seen."""
    return [
        dataclasses.replace(
            one,
            histories={
                name: points[:: max(1, len(points) // 3)] for name, points in one.histories.items()
            },
        )
        for one in records
    ]
