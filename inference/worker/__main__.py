import sys

from inference.worker.blas import load_blas

blas = load_blas()  # before whatever imports MLX

from inference.judgement.ranker import load  # noqa: E402
from inference.worker.child import main  # noqa: E402

sys.exit(main(sys.argv[1:], blas, load))
