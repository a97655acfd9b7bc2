"""The report: artifact folders and what is known of their speed, as one HTML page and its pictures.

`artifacts` reads the folders and sets those of one network side by side. `timing` measures modules of this machine,
`bench_files` reads what rt3d-mlir-bench measured, `phone_files` runs on phones and projections; `speed` joins them.
What the template page.html lays out is said by `sections`, `layer_table` and `phone_section`, and drawn by `masks` and
`chart`. `folder` writes it all.
"""
