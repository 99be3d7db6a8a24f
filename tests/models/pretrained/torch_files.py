"""Files in the two formats of `torch.save`, written without PyTorch."""

import io
import pickle
import zipfile

MAGIC_NUMBER, PROTOCOL_VERSION = 0x1950A86A20F9469CFC6C, 1001


class Global:
    """Pickled as the global `module.name`, which need not exist."""

    def __init__(self, module, name):
        self.module, self.name = module, name


class Call:
    """Pickled as the result of calling a global with arguments."""

    def __init__(self, function, *arguments):
        self.function, self.arguments = function, arguments


class Storage:
    """Pickled as a persistent object: `values` are its numbers, `count` what the pickle states."""

    def __init__(self, key, values, kind="FloatStorage", count=None):
        self.key, self.values = key, values
        self.pid = (
            "storage",
            Global("torch", kind),
            key,
            "cpu",
            values.size if count is None else count,
        )


class TorchPickler(pickle._Pickler):  # the Python one: its opcodes can be written by hand
    def persistent_id(self, value):
        return value.pid if isinstance(value, Storage) else None

    def save(self, value, save_persistent_id=True):
        if isinstance(value, Global):
            self.write(f"c{value.module}\n{value.name}\n".encode())
        elif isinstance(value, Call):
            self.save(value.function)
            self.save(value.arguments)
            self.write(pickle.REDUCE)
        elif isinstance(value, bytes):  # opcodes
            self.write(value)
        else:
            super().save(value, save_persistent_id)


def dumps(value):
    stream = io.BytesIO()
    TorchPickler(stream, protocol=2).dump(value)
    return stream.getvalue()


def tensor(storage, shape, strides, offset=0):
    """A tensor as PyTorch pickles it."""
    rebuild = Global("torch._utils", "_rebuild_tensor_v2")
    hooks = Call(Global("collections", "OrderedDict"))
    return Call(rebuild, storage, offset, shape, strides, False, hooks)


def write_legacy(file, state, storages=()):
    header = {"protocol_version": PROTOCOL_VERSION, "little_endian": True, "type_sizes": {}}
    parts = [dumps(part) for part in (MAGIC_NUMBER, PROTOCOL_VERSION, header, state)]
    parts.append(dumps([storage.key for storage in storages]))
    for storage in storages:
        parts += [storage.values.size.to_bytes(8, "little"), storage.values.tobytes()]
    file.write_bytes(b"".join(parts))


def write_zip(file, state, storages=()):
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("archive/data.pkl", dumps(state))
        archive.writestr("archive/byteorder", "little")
        for storage in storages:
            archive.writestr(f"archive/data/{storage.key}", storage.values.tobytes())
        archive.writestr("archive/version", "3\n")


WRITERS = {"legacy": write_legacy, "zip": write_zip}
