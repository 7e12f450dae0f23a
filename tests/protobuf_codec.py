"""A codec over the real protobuf package, whose schema can express any plain value.

::

    message Value {
      oneof kind {
        bool nothing = 1; bool truth = 2; sint64 number = 3; string large = 4; double real = 5;
        string text = 6; bytes data = 7; List list = 8; Object object = 9;
      }
    }
    message List { repeated Value items = 1; }
    message Object { repeated string keys = 1; repeated Value values = 2; }
"""

from __future__ import annotations

from typing import Any, Final, cast

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

from aiows.codecs import ObjectCodec

Field = descriptor_pb2.FieldDescriptorProto

SCALARS: Final = {
    "nothing": Field.TYPE_BOOL,
    "truth": Field.TYPE_BOOL,
    "number": Field.TYPE_SINT64,
    "large": Field.TYPE_STRING,
    "real": Field.TYPE_DOUBLE,
    "text": Field.TYPE_STRING,
    "data": Field.TYPE_BYTES,
}


NAMES: Final = {bool: "truth", int: "number", float: "real", str: "text", bytes: "data"}


def _value_class() -> Any:
    file = descriptor_pb2.FileDescriptorProto(name="value.proto", package="t", syntax="proto3")
    value = file.message_type.add(name="Value")
    value.oneof_decl.add(name="kind")
    for number, (name, type_) in enumerate(SCALARS.items(), 1):
        value.field.add(name=name, number=number, type=type_, label=1, oneof_index=0)
    for number, (name, type_name) in enumerate(
        {"list": ".t.List", "object": ".t.Object"}.items(), 8
    ):
        value.field.add(
            name=name, number=number, type=11, type_name=type_name, label=1, oneof_index=0
        )
    items = file.message_type.add(name="List")
    items.field.add(name="items", number=1, type=11, type_name=".t.Value", label=3)
    pairs = file.message_type.add(name="Object")
    pairs.field.add(name="keys", number=1, type=Field.TYPE_STRING, label=3)
    pairs.field.add(name="values", number=2, type=11, type_name=".t.Value", label=3)
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("t.Value"))


Value: Final = _value_class()


class ProtobufCodec(ObjectCodec):
    """Any plain value as a message of the schema above."""

    name = "Protobuf"

    def __init__(self) -> None:
        super().__init__("t.protobuf")

    def loads(self, data: bytes, /) -> Any:
        return _plain(Value.FromString(data))

    def dumps(self, plain: Any, /) -> bytes:
        return cast("bytes", _value(plain).SerializeToString())


def _plain(value: Any) -> Any:
    kind = value.WhichOneof("kind")
    if kind in (None, "nothing"):
        return None
    if kind == "large":
        return int(value.large)
    if kind == "list":
        return [_plain(each) for each in value.list.items]
    if kind == "object":
        pairs = zip(value.object.keys, value.object.values, strict=True)
        return {key: _plain(each) for key, each in pairs}
    return getattr(value, kind)


def _value(plain: Any) -> Any:
    if isinstance(plain, dict):
        made = Value(object={"keys": plain.keys()})
        made.object.values.extend(_value(each) for each in plain.values())
        return made
    if isinstance(plain, list | tuple):
        made = Value(list={})
        made.list.items.extend(_value(each) for each in plain)
        return made
    if plain is None:
        return Value(nothing=True)
    if isinstance(plain, int) and not -(2**63) <= plain < 2**63:
        return Value(large=str(plain))
    return Value(**{NAMES[type(plain)]: plain})


PROTOBUF: Final = ProtobufCodec()
