# Windlass on NVIDIA GPUs: docker build -f docker/cuda.Dockerfile -t windlass:cuda .
# torch's own wheels bring the CUDA libraries; the host needs a driver and the NVIDIA container toolkit.
FROM python:3.11-slim

# g++ is what Triton calls when torch.compile builds its launchers.
RUN apt-get update && apt-get install -y --no-install-recommends g++ && rm -rf /var/lib/apt/lists/*
WORKDIR /opt/windlass
RUN pip install --no-cache-dir "torch>=2.11,<2.14"
COPY . .
RUN pip install --no-cache-dir .

RUN useradd --create-home windlass && mkdir -p /runs /cache && chown windlass /runs /cache
USER windlass
WORKDIR /home/windlass
ENV WINDLASS_RUNS_DIR=/runs WINDLASS_CACHE_DIR=/cache
VOLUME ["/runs", "/cache"]
ENTRYPOINT ["windlass"]
CMD ["train"]
