"""continual-inference's single-output encoder, compared and timed; runs in the peer's environment as a child
of ring_update.py.

    stepping.py WORK THREADS          one JSON object a line on stdin and stdout

``{"compare": FILE}`` loads an attention layer's weights and rows from WORK/FILE (npz), steps over them and
answers with WORK/answer.npy. ``{"time": N}`` steps N rows through the stacks and answers with milliseconds.
"""

import json
import sys
import time
from pathlib import Path

import continual as co
import numpy as np
import torch

STREAMS, LAYERS, DIM, HEADS, FEEDFORWARD, BAND = 3, 3, 256, 4, 1024, 1334


def compare(stored):
    """One query over the newest ``band`` rows, no positions: what every layer of both is made of."""
    dim, band = stored["into"].shape[0], int(stored["band"])
    attention = co.SingleOutputMultiheadAttention(
        dim,
        int(stored["heads"]),
        batch_first=True,
        embed_dim_second=True,
        sequence_len=band,
        forward_returns_attn_mask=False,
    ).eval()
    with torch.no_grad():
        attention.in_proj_weight.copy_(torch.from_numpy(stored["into"].T))
        attention.in_proj_bias.copy_(torch.from_numpy(stored["into_bias"]))
        attention.out_proj.weight.copy_(torch.from_numpy(stored["out"].T))
        attention.out_proj.bias.copy_(torch.from_numpy(stored["out_bias"]))
        said = [attention.forward_step(torch.from_numpy(row)[None]) for row in stored["rows"]]
    return np.concatenate([np.asarray(y) for y in said[band - 1 :]])


def stack():
    return co.Sequential(
        *(
            co.SingleOutputTransformerEncoderLayer(
                DIM, HEADS, FEEDFORWARD, dropout=0.0, activation=torch.nn.GELU(), sequence_len=BAND
            )
            for _ in range(LAYERS)
        )
    ).eval()


def main():
    work, threads = Path(sys.argv[1]), int(sys.argv[2])
    torch.set_num_threads(threads)
    stacks = [stack() for _ in range(STREAMS)]
    with torch.no_grad():
        for one in stacks:  # every layer's memory is full before anything is timed
            for _ in range(LAYERS * BAND):
                one.forward_step(torch.randn(1, DIM))
        print(json.dumps({"ready": co.__version__}), flush=True)
        for line in sys.stdin:
            asked = json.loads(line)
            if "compare" in asked:
                with np.load(work / asked["compare"]) as stored:
                    np.save(work / "answer.npy", compare(stored))
                print(json.dumps({"rows": "answer.npy"}), flush=True)
                continue
            took = []
            for _ in range(asked["time"]):
                rows = torch.randn(STREAMS, 1, DIM)
                begun = time.perf_counter()
                for one, row in zip(stacks, rows, strict=True):
                    one.forward_step(row)
                took.append(1e3 * (time.perf_counter() - begun))
            print(json.dumps({"ms": took}), flush=True)


if __name__ == "__main__":
    main()
