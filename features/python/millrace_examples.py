"""Reads example blocks into numpy arrays, by nothing but the .proto that lies beside them.

    pip install protobuf numpy
    from millrace_examples import Reader
    reader = Reader("out/ads_ctr.proto")
    for block in reader.blocks("out/ads_ctr.block"):
        x = block.feature("ad_ctr")               # float64, NaN where null
        value, mask, age = block.label("clicked")  # what to learn, where, and how old it is (ms)
        loss = (block.weight * mask * cross_entropy(value, model(x))).sum()
        # or, where labels come late or are cancelled, with the sums of the final ones:
        positive, negative = block.loss_weights("clicked")
        loss = -(positive * np.log(model(x)) + negative * np.log(1 - model(x))).sum()

Records of a topic go through reader.block(record.value). Run as a program it prints a file as NDJSON.
A copy of this file is all that is needed; there is no package to install.
"""

import json
import re
import sys
import zlib

import numpy as np
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

KINDS = ["example", "shown", "audit"]
LABEL_KINDS = ["absent", "observed", "late_positive", "matured", "confirmed_negative", "cancelled", "unknown", "audit"]
CANCELLED = LABEL_KINDS.index("cancelled")
LATE_POSITIVE = LABEL_KINDS.index("late_positive")
LEARNT = [LABEL_KINDS.index(kind) for kind in ("observed", "matured", "confirmed_negative")]


class Damaged(Exception):
    """The bytes are not those that were written."""


class Reader:
    """Blocks of one example set, as its .proto says. protoc --python_out makes the same classes."""

    def __init__(self, proto):
        with open(proto, encoding="utf-8") as file:
            text = file.read()
        self._types = _compile(text)
        # Columns as authors write them: name and type. Field names are what protobuf allows of the names.
        self._names = {
            int(number): (json.loads(name), kind)
            for number, name, kind in re.findall(r'= (\d+);  // ("(?:[^"\\]|\\.)*")(?:: ([\w[\]]+))?', text)
        }

    def blocks(self, path):
        """Every block of a file, in order."""
        with open(path, "rb") as file:
            data = file.read()
        at = 0
        while at < len(data):
            length, at = _varint(data, at)
            if at + length > len(data):
                raise Damaged(f"{path} ends inside a block")
            yield self.block(data[at : at + length])
            at += length

    def block(self, data):
        """One block: the bytes of a record."""
        frame = self._types["ExampleBlock"].FromString(data)
        if zlib.crc32(frame.body, zlib.crc32(frame.header)) != frame.checksum:
            raise Damaged("the bytes of a block do not add up to its checksum")
        body = zlib.decompress(frame.body) if frame.codec == 1 else frame.body
        header = self._types["BlockHeader"].FromString(frame.header)
        return Block(header, self._types["ExampleColumns"].FromString(body), self._names)


class Block:
    """Arrays by row. A text column is an array of str (None is null), a list column (offsets, values, is_null)."""

    def __init__(self, header, columns, names):
        self.rows = header.rows
        self.set = header.set
        self.plan_digest = header.plan_digest
        self.first_row = header.first_row  # the position of row 0
        self.watermark = header.watermark  # ms; no later block has a row emitted before it
        self._columns = columns
        self._refs = [(r.count, _ints(r.index, self.rows).astype(np.int64)) for r in columns.refs]
        known = [(names[f.number], f) for f in columns.DESCRIPTOR.fields if f.number in names]
        self._fields = {name: f for (name, _), f in known}
        self.types = {name: kind for (name, kind), _ in known}  # int, float, bool, string, string[] …
        self._by_number = {f.number: f for f in columns.DESCRIPTOR.fields}
        self.time = self._numbers(columns.time)  # of the anchor, ms
        self.emitted = self._numbers(columns.emitted)
        self.kind = _ints(columns.kind, self.rows).astype(np.int64)  # index into KINDS
        self.id = self._texts(columns.id, self.rows, self._refs)
        self.sample_rate = self._numbers(columns.sample_rate)
        self.weight = 1 / self.sample_rate  # what a loss multiplies a row by

    def features(self):
        """Their names, in order."""
        return [name for name, f in self._fields.items() if not name.startswith("label ")]

    def labels(self):
        return [name[6:] for name in self._fields if name.startswith("label ")]

    def feature(self, name):
        field = self._fields.get(name)
        if field is None or not self._columns.HasField(field.name):
            raise KeyError(f"{self.set} has no feature {name} in this block")
        column = getattr(self._columns, field.name)
        kind = field.message_type.name
        if kind == "NumberColumn":
            return self._numbers(column)
        return self._texts(column, self.rows, self._refs) if kind == "TextColumn" else self._lists(column)

    def label(self, name):
        """(value, mask, age): 0 or 1, or between them where credit is divided; 1 where there is a value to learn from (in no shown or audit row); emission less anchor time, ms (NaN where not due)."""
        label = self.label_columns(name)
        mask = (self.kind == 0) & (label["kind"] != 0) & ~np.isnan(label["value"])
        return np.where(mask, label["value"], 0), mask, label["elapsed"]

    def loss_weights(self, name, again=False):
        """(positive, negative): what a log loss multiplies the two terms of each row by, so that its sums are those of the final labels.

        A late positive takes the negative of its wait back, a cancelled one its positive. `again`: the label waits
        `then everything`, and its rows come a second time at the deadline.
        """
        label = self.label_columns(name)
        value, mask, _ = self.label(name)
        kind, passes = label["kind"], 2 if again else 1
        was = np.ones(self.rows) if label["was"] is None else np.nan_to_num(label["was"], nan=1)
        late, cancelled = kind == LATE_POSITIVE, kind == CANCELLED
        learnt = np.isin(kind, LEARNT)
        positive = np.select([cancelled, late, learnt], [-was, passes * value, value])
        negative = np.select([cancelled, late, learnt], [was, passes * (1 - value) - 1, 1 - value])
        return positive * mask * self.weight, negative * mask * self.weight

    def label_columns(self, name):
        label = getattr(self._columns, self._fields[f"label {name}"].name)
        codes = lambda part: _ints(part, self.rows).astype(np.int64)
        kind = codes(label.kind)
        due = np.where(kind == 0, np.nan, 0)
        flags = codes(label.value)
        credit = codes(label.credit) / 1e6 if label.HasField("credit") else None
        value = np.where(flags == 2, np.nan, flags) if credit is None else np.where(flags == 1, credit, np.where(flags == 2, np.nan, 0))
        return {
            "value": value,
            "was": None if credit is None else np.where(kind == CANCELLED, credit, np.nan),
            "kind": kind,
            "deadline": self._numbers(label.deadline) + self.time + due,
            "elapsed": self._numbers(label.elapsed) + (self.emitted - self.time) + due,
            "at_wait": codes(label.at_wait) if label.HasField("ever") else None,
            "ever": codes(label.ever) if label.HasField("ever") else None,
        }

    def _numbers(self, column, rows=None):
        if column.HasField("ratio"):
            return self._ratio(column.ratio)
        n = self.rows if rows is None else rows
        if column.refs:
            n = self._refs[column.refs - 1][0]
        if column.presence:
            table = self._columns.presence[column.presence - 1]
            masks = np.array(table.patterns, np.uint32)[_ints(table.index, n).astype(np.int64)]
            there = (masks >> column.bit & 1).astype(bool)
            values = np.full(n, column.fill if column.HasField("fill") else np.nan)
            values[there] = _values(column, int(there.sum()))
        else:
            values = _values(column, n)
        return values[self._refs[column.refs - 1][1]] if column.refs else values

    def _ratio(self, ratio):
        get = lambda number: self._numbers(getattr(self._columns, self._by_number[number].name))
        with np.errstate(divide="ignore", invalid="ignore"):
            values = (get(ratio.numerator) + ratio.add_numerator) / (
                get(ratio.denominator) + ratio.add_denominator
            )
        return np.where(np.isfinite(values), values, ratio.fill if ratio.HasField("fill") else np.nan)

    def _texts(self, column, rows, refs):
        n = refs[column.refs - 1][0] if column.refs else rows
        lengths = _ints(column.length, column.entries).astype(np.int64)
        shared = _ints(column.shared, column.entries).astype(np.int64)
        entries, before, at = np.empty(column.entries, object), b"", 0
        for i, (length, same) in enumerate(zip(lengths, shared)):
            if length == 0:
                entries[i] = None
                continue
            before = before[:same] + column.data[at : at + length - 1]
            at += length - 1
            entries[i] = before.decode("utf-8", "replace")
        if column.HasField("index"):
            # 0 is null: the last of the entries with one more behind them.
            values = np.append(entries, None)[_ints(column.index, n).astype(np.int64) - 1]
        else:
            values = entries
        return values[refs[column.refs - 1][1]] if column.refs else values

    def _lists(self, column):
        n = self._refs[column.refs - 1][0] if column.refs else self.rows
        lengths = _ints(column.length, n).astype(np.int64)
        offsets = np.concatenate([[0], np.cumsum(np.maximum(lengths - 1, 0))])
        items = int(offsets[-1])
        if column.runs:
            values = _runs(column, offsets)
        elif column.HasField("texts"):
            values = self._texts(column.texts, items, [])
        else:
            values = self._numbers(column.numbers, items)
        if not column.refs:
            return offsets, values, lengths == 0
        index = self._refs[column.refs - 1][1]
        parts = [values[offsets[i] : offsets[i + 1]] for i in index]
        sizes = np.concatenate([[0], np.cumsum([len(part) for part in parts])]).astype(np.int64)
        return sizes, np.concatenate(parts), (lengths == 0)[index]


def _ints(column, n):
    """n whole numbers, as float64: they may have 53 bits."""
    width = column.width
    if width:
        bits = np.unpackbits(np.frombuffer(column.bits, np.uint8), bitorder="little", count=n * width)
        values = bits.reshape(n, width) @ (2.0 ** np.arange(width))
    else:
        values = np.zeros(n)
    if column.exception_count:
        at = _ints(column.exceptions, column.exception_count).astype(np.int64)
        values[at] += _ints(column.high, column.exception_count) * 2.0**width
    if column.HasField("step"):
        return column.base + np.cumsum(values + column.step)
    return values + column.base


def _values(column, n):
    if column.HasField("ints"):
        values = _ints(column.ints, n)
        if column.dictionary:
            return np.array(column.dictionary)[values.astype(np.int64)]
        return values / column.divisor if column.divisor else values
    if column.HasField("spaced"):
        return _ints(column.spaced.ints, n) * column.spaced.unit
    if column.bf16:
        return (np.frombuffer(column.bf16, "<u2").astype(np.uint32) << 16).view(np.float32).astype(float)
    return np.array(column.floats or column.doubles, float)


def _runs(column, offsets):
    """Runs of neighbours: the first of a list begins at `first`, another first + 1 above the end of the one before."""
    first, run = _ints(column.first, column.runs), _ints(column.run, column.runs).astype(np.int64) + 1
    starts = np.concatenate([[0], np.cumsum(run)[:-1]])
    begins = np.isin(starts, offsets[:-1])
    values, before = [], 0
    for start, length, begin in zip(first, run, begins):
        low = start if begin else before + 1 + start
        values.append(np.arange(low, low + length))
        before = low + length - 1
    return np.concatenate(values)


def _varint(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, at
        shift += 7


def _compile(text):
    """Message classes of the generated .proto: the part of the language that it uses, so that protoc is not needed."""
    text = re.sub(r'//[^\n]*', "", text)
    file = descriptor_pb2.FileDescriptorProto(name="examples.proto", syntax="proto3")
    field_type = descriptor_pb2.FieldDescriptorProto
    for name, body in re.findall(r"enum (\w+) \{(.*?)\}", text, re.S):
        enum = file.enum_type.add(name=name)
        for value, number in re.findall(r"(\w+) = (\d+);", body):
            enum.value.add(name=value, number=int(number))
    enums = {enum.name for enum in file.enum_type}
    for name, body in re.findall(r"message (\w+) \{(.*?)\}", text, re.S):
        message = file.message_type.add(name=name)
        for label, kind, field, number in re.findall(
            r"(optional |repeated )?(\w+) (\w+) = (\d+)(?: \[packed = true\])?;", body
        ):
            one = message.field.add(name=field, number=int(number))
            one.label = field_type.LABEL_REPEATED if label == "repeated " else field_type.LABEL_OPTIONAL
            if hasattr(field_type, f"TYPE_{kind.upper()}"):
                one.type = getattr(field_type, f"TYPE_{kind.upper()}")
            else:
                one.type = field_type.TYPE_ENUM if kind in enums else field_type.TYPE_MESSAGE
                one.type_name = f".{kind}"
            if label == "optional ":
                one.proto3_optional = True
                one.oneof_index = len(message.oneof_decl)
                message.oneof_decl.add(name=f"_{field}")
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    get = lambda name: message_factory.GetMessageClass(pool.FindMessageTypeByName(name))
    return {message.name: get(message.name) for message in file.message_type}


def _plain(value):
    if isinstance(value, (float, np.floating)):
        return None if np.isnan(value) else int(value) if value.is_integer() else float(value)
    return value


def rows(block):
    """The block's rows as the documented NDJSON lines have them."""
    columns = {name: block.feature(name) for name in block.features()}
    labels = {name: block.label_columns(name) for name in block.labels()}
    flag = lambda values, i: None if values[i] == 2 else int(values[i])
    for i in range(block.rows):
        due = {}
        for name, label in labels.items():
            if label["kind"][i]:
                due[name] = {"value": _plain(label["value"][i]), "kind": LABEL_KINDS[label["kind"][i]]}
                if label["was"] is not None and label["kind"][i] == CANCELLED:
                    due[name]["was"] = _plain(label["was"][i])
                if block.kind[i] == 2 and label["ever"] is not None:
                    due[name].update(at_wait=flag(label["at_wait"], i), ever=flag(label["ever"], i))
        features = {}
        for name, column in columns.items():
            if isinstance(column, tuple):
                offsets, values, is_null = column
                items = [_plain(v) for v in values[offsets[i] : offsets[i + 1]]]
                features[name] = None if is_null[i] else items
            else:
                value = _plain(column[i])
                features[name] = bool(value) if block.types[name] == "bool" and value is not None else value
        row = {"id": block.id[i], "time": int(block.time[i]), "emitted": int(block.emitted[i])}
        if block.kind[i]:
            row["kind"] = KINDS[block.kind[i]]
        yield {**row, "labels": due, "features": features, "sample_rate": _plain(block.sample_rate[i])}


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit("usage: millrace_examples.py SET.proto SET.block")
    for each in Reader(sys.argv[1]).blocks(sys.argv[2]):
        for line in rows(each):
            print(json.dumps(line, ensure_ascii=False))
