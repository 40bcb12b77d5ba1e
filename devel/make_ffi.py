# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Regenerate the out-of-line ABI-mode declarations of C interfaces: ``kernel/calls/ffi.py``, which
``kernel/calls/syscalls.py`` loads, ``layers/compression/library_ffi.py``, which ``native.py``
beside it loads, and ``secrets/cipher_ffi.py``, which ``cipher.py`` beside it loads.

    python devel/make_ffi.py            write the files
    python devel/make_ffi.py --check    exit 1 when a file is not what this script makes

Needs the package ``cffi``; a target needs its compiled half (``_cffi_backend``) only, at 25 ms less per start.
"""

from __future__ import annotations

import pathlib
import re
import sys
import tempfile

import cffi

RUNTIME = pathlib.Path(__file__).resolve().parents[1] / "plugins" / "module_utils" / "_runtime"

# syscall(2) is variadic in C; with at most six integer or pointer arguments its calling convention on Linux (x86-64 System V,
# AAPCS64) is that of a function with fixed arguments, which cffi calls faster.
SYSTEM_CALLS = """
struct clone_args { uint64_t flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls, set_tid, set_tid_size, cgroup; };
struct mount_attr { uint64_t attr_set, attr_clr, propagation, userns_fd; };
struct rlimit64 { uint64_t soft, hard; };
struct sched_attr { uint32_t size, sched_policy; uint64_t sched_flags; int32_t sched_nice; uint32_t sched_priority;
                    uint64_t sched_runtime, sched_deadline, sched_period; uint32_t sched_util_min, sched_util_max; };
struct cap_header { uint32_t version; int32_t pid; };
struct cap_data { uint32_t effective, permitted, inheritable; };
struct sock_fprog { uint16_t len; const void *filter; };
long syscall(long, long, long, long, long, long, long);
"""

# ISA-L inflates gzip (igzip_lib.h, the same from 2.30 to 2.32), libzstd reads zstd (zstd.h). What is behind a
# pointer that the library hands out stays void. The sizes of the tables follow from igzip_lib.h's: codes of up
# to 12 bits are looked up at once, of distances up to 10.
LIBRARIES = """
enum { ISAL_GZIP_NO_HDR_VER = 6, ISAL_BLOCK_FINISH = 5 };
struct inflate_huff_code_large { uint32_t short_code_lookup[4096]; uint16_t long_code_lookup[1264]; };
struct inflate_huff_code_small { uint16_t short_code_lookup[1024]; uint16_t long_code_lookup[80]; };
struct inflate_state {
    uint8_t *next_out; uint32_t avail_out, total_out;
    const uint8_t *next_in; uint64_t read_in; uint32_t avail_in; int32_t read_in_length;
    struct inflate_huff_code_large lit_huff_code; struct inflate_huff_code_small dist_huff_code;
    uint32_t block_state, dict_length, bfinal, crc_flag, crc, hist_bits;
    int32_t count, write_overflow_lits, write_overflow_len, copy_overflow_length, copy_overflow_distance;
    int16_t wrapper_flag, tmp_in_size; int32_t tmp_out_valid, tmp_out_processed;
    uint8_t tmp_in_buffer[328]; uint8_t tmp_out_buffer[65824];
};
void isal_inflate_init(struct inflate_state *);
int isal_inflate(struct inflate_state *);

enum { ZSTD_d_windowLogMax = 100 };
struct ZSTD_inBuffer { const void *src; size_t size, pos; };
struct ZSTD_outBuffer { void *dst; size_t size, pos; };
void *ZSTD_createDStream(void);
size_t ZSTD_freeDStream(void *);
size_t ZSTD_DCtx_setParameter(void *, int, int);
size_t ZSTD_decompressStream(void *, struct ZSTD_outBuffer *, struct ZSTD_inBuffer *);
enum { ZSTD_c_compressionLevel = 100, ZSTD_c_checksumFlag = 201, ZSTD_e_continue = 0, ZSTD_e_end = 2 };
void *ZSTD_createCStream(void);
size_t ZSTD_freeCStream(void *);
size_t ZSTD_CCtx_setParameter(void *, int, int);
size_t ZSTD_compressStream2(void *, struct ZSTD_outBuffer *, struct ZSTD_inBuffer *, int);
unsigned ZSTD_isError(size_t);
const char *ZSTD_getErrorName(size_t);
"""

# OpenSSL's libcrypto (openssl/evp.h), the same in 1.1 and 3.
CIPHERS = """
enum { EVP_CTRL_AEAD_GET_TAG = 16, EVP_CTRL_AEAD_SET_TAG = 17 };
void *EVP_CIPHER_CTX_new(void);
void EVP_CIPHER_CTX_free(void *);
int EVP_CIPHER_CTX_ctrl(void *, int, int, void *);
const void *EVP_aes_256_gcm(void);
int EVP_CipherInit_ex(void *, const void *, void *, const uint8_t *, const uint8_t *, int);
int EVP_CipherUpdate(void *, uint8_t *, int *, const uint8_t *, int);
int EVP_CipherFinal_ex(void *, uint8_t *, int *);
"""

TARGETS = {  # where -> (cffi's name for it, what is declared, what says so where it is missing)
    RUNTIME / "kernel" / "calls" / "ffi.py": (
        "pycontainer_ffi",
        SYSTEM_CALLS,
        "syscalls.py says so when a call is made",
    ),
    RUNTIME / "layers" / "compression" / "library_ffi.py": (
        "pycontainer_library_ffi",
        LIBRARIES,
        "Python's own modules do all of it then",
    ),
    RUNTIME / "secrets" / "cipher_ffi.py": (
        "pycontainer_cipher_ffi",
        CIPHERS,
        "cipher.py refuses then",
    ),
}

HEADER = """# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
\"\"\"Made by devel/make_ffi.py, which says what is declared here. ``ffi`` is None where cffi's compiled half is missing.\"\"\"

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

try:
    import _cffi_backend
except ImportError:  # MISSING
    ffi: Any = None
else:
"""


def wrapped(line):
    """Cut a long bytes literal into pieces that stand below each other."""
    return re.sub(
        r"b'((?:\\x..|[^'\\])*)'",
        lambda literal: "\n    ".join(f"b'{piece}'" for piece in pieces(literal.group(1))),
        line,
    )


def pieces(literal, longest=112):
    """Cut between characters, never inside an escape."""
    lines = [""]
    for character in re.findall(r"\\x..|.", literal):
        if len(lines[-1]) + len(character) > longest:
            lines.append("")
        lines[-1] += character
    return lines


def generate(name, declarations, missing):
    """The text of one of the files."""
    ffi = cffi.FFI()
    ffi.cdef(declarations)
    ffi.set_source(name, None)
    with tempfile.TemporaryDirectory() as directory:
        path = pathlib.Path(directory) / "made.py"
        ffi.emit_python_code(str(path))
        made = path.read_text()
    body = made[made.index("ffi = ") :]
    body = body.replace("),(", "),\n        (").replace(",b'", ",\n            b'")
    lines = "\n".join(wrapped(line) for line in body.rstrip().split("\n")).split("\n")
    return HEADER.replace("MISSING", missing) + "".join(f"    {line}\n" for line in lines)


if __name__ == "__main__":
    made = {target: generate(*source) for target, source in TARGETS.items()}
    if "--check" in sys.argv[1:]:
        sys.exit(any(target.read_text() != text for target, text in made.items()))
    for target, text in made.items():
        target.write_text(text)
