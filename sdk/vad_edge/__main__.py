"""`python -m vad_edge`."""

from vad_edge.cli import main

if __name__ == "__main__":
    main(prog_name="vad-edge")
