"""Writes curve.tfevents: two points as TensorBoard's own writer puts them into an event file.

usage: python curve.py   (tensorboard 2)
"""

import pathlib

from tensorboard.compat.proto import event_pb2, summary_pb2
from tensorboard.summary.writer.record_writer import RecordWriter

path = pathlib.Path(__file__).with_name("curve.tfevents")
with path.open("wb") as file:
    writer = RecordWriter(file)
    event = event_pb2.Event(wall_time=1.5e9, file_version="brain.Event:2")
    writer.write(event.SerializeToString())
    for step, name, value, time in [(7, "train/loss", 6.25, 1.5e9 + 1), (300, "validation/ndcg@10", 0.0796, 1.5e9 + 2.5)]:
        summary = summary_pb2.Summary(value=[summary_pb2.Summary.Value(tag=name, simple_value=value)])
        event = event_pb2.Event(wall_time=time, step=step, summary=summary)
        writer.write(event.SerializeToString())
    writer.flush()
