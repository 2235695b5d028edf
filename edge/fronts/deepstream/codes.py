"""The numbers that DeepStream's files use for words, each in one place.

Mind the trap: nvinfer's ``network-mode`` and nvtracker's ``ReID.networkMode`` number the same three
precisions differently.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

__all__ = [
    "BROKER_LIBRARIES",
    "BROKER_PORTS",
    "INSTALLED_AT",
    "NVINFER_COLOUR",
    "NVINFER_PRECISION",
    "NVTRACKER_COLOUR",
    "NVTRACKER_PRECISION",
    "TRACKER_LIBRARY",
    "UNTRACKED",
    "VERSIONS",
    "VISUAL_TRACKER",
    "BrokerName",
    "Precision",
    "ReidPlace",
    "Target",
    "TrackerName",
    "Version",
]

Version = Literal["7.1", "9.1"]
Target = Literal["dgpu", "jetson"]
Precision = Literal["fp32", "fp16", "int8"]
TrackerName = Literal["nvdcf", "nvdeepsort"]
ReidPlace = Literal["tracker", "secondary"]
BrokerName = Literal["kafka", "mqtt", "redis"]

VERSIONS: tuple[Version, ...] = ("7.1", "9.1")

INSTALLED_AT = "/opt/nvidia/deepstream/deepstream"
TRACKER_LIBRARY = f"{INSTALLED_AT}/lib/libnvds_nvmultiobjecttracker.so"

NVINFER_PRECISION: Mapping[Precision, int] = {"fp32": 0, "int8": 1, "fp16": 2}
NVTRACKER_PRECISION: Mapping[Precision, int] = {"fp32": 0, "fp16": 1, "int8": 2}

NVINFER_COLOUR: Mapping[str, int] = {"rgb": 0, "bgr": 1}
NVTRACKER_COLOUR: Mapping[str, int] = {"rgb": 0, "bgr": 1}

# 1 is the correlation filter in CUDA, 2 the one in VPI, which the later generation ships as its default.
VISUAL_TRACKER: Mapping[Version, int] = {"7.1": 1, "9.1": 2}

BROKER_LIBRARIES: Mapping[BrokerName, str] = {
    "kafka": f"{INSTALLED_AT}/lib/libnvds_kafka_proto.so",
    "mqtt": f"{INSTALLED_AT}/lib/libnvds_mqtt_proto.so",
    "redis": f"{INSTALLED_AT}/lib/libnvds_redis_proto.so",
}
BROKER_PORTS: Mapping[BrokerName, int] = {"kafka": 9092, "mqtt": 1883, "redis": 6379}

UNTRACKED = 0xFFFFFFFFFFFFFFFF
"""``object_id`` of an object that no tracker has numbered."""
