"""Writes block_vectors.h, the vectors of blocks.json as C arrays.

    python3 test/native/block_vectors.py ../shared/data/golden/blocks.json > test/native/block_vectors.h
"""
import json
import struct
import sys

TYPES = ["F16", "BF16", "Q8_0", "Q4_0", "Q4_1", "Q5_0", "Q5_1", "IQ4_NL", "Q2_K", "Q3_K", "Q4_K", "Q5_K", "Q6_K"]


def array(declaration, items, per_line):
    lines = [", ".join(items[i:i + per_line]) for i in range(0, len(items), per_line)]
    return f"{declaration} = {{\n    " + ",\n    ".join(lines) + "};\n"


def bytes_array(name, hexadecimal):
    return array(f"static const uint8_t {name}[]", [str(b) for b in bytes.fromhex(hexadecimal)], 24)


def floats_array(name, values):
    bits = ["0x%08x" % struct.unpack("<I", struct.pack("<f", v))[0] for v in values]
    return array(f"static const uint32_t {name}[]", bits, 10)


data = json.load(open(sys.argv[1]))
print("/* Made by block_vectors.py: raw blocks and what they decode to; values and what they encode to. Floats are written")
print(" * as their bits. */")
print("#include <stddef.h>\n#include <stdint.h>\n")
for name in TYPES:
    vector = data["decode"][name]
    print(bytes_array(f"decode_raw_{name}", vector["raw"]))
    print(floats_array(f"decode_values_{name}", vector["values"]))
print(floats_array("encode_input", data["encode"]["input"]))
for name, raw in data["encode"]["raw"].items():
    print(bytes_array(f"encode_raw_{name}", raw))

print("struct decode_vector {\n    enum weight_type type;\n    const uint8_t *raw;\n    size_t raw_bytes;")
print("    const uint32_t *values;\n    size_t elements;\n};\n")
print(array("static const struct decode_vector decode_vectors[]",
            [f"{{WEIGHT_{n}, decode_raw_{n}, sizeof decode_raw_{n}, decode_values_{n}, {len(data['decode'][n]['values'])}}}"
             for n in TYPES], 1))
print("struct encode_vector {\n    enum weight_type type;\n    const uint8_t *raw;\n    size_t raw_bytes;\n};\n")
print(array("static const struct encode_vector encode_vectors[]",
            [f"{{WEIGHT_{n}, encode_raw_{n}, sizeof encode_raw_{n}}}" for n in data["encode"]["raw"]], 1), end="")
