# For sourcing: the environment in which Debian's PyTorch multiplies as fast as it can here.
#
# OpenBLAS 0.3.21 takes processors it does not know for a Prescott of 2004 (SSE3): a product of 2,048 x 1,536 x 1,536 then runs
# at 44 GFLOP/s where it would at 204. Which kernels it chose is asked, and better ones are named for it.
export LD_LIBRARY_PATH=/usr/lib/x86_64-linux-gnu/openblas-openmp OMP_NUM_THREADS=2
if [ -z "${OPENBLAS_CORETYPE:-}" ] && OPENBLAS_VERBOSE=2 /usr/bin/python3 -W ignore -c 'import torch' 2>&1 | grep -q '^Core: \(Prescott\|Generic\)'; then
  if grep -qw avx512f /proc/cpuinfo; then export OPENBLAS_CORETYPE=SkylakeX; elif grep -qw avx2 /proc/cpuinfo; then export OPENBLAS_CORETYPE=Haswell; fi
fi
