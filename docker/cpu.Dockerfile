# Windlass on CPUs: docker build -f docker/cpu.Dockerfile -t windlass:cpu .
FROM python:3.11-slim

# g++ is what torch.compile calls on a CPU.
RUN apt-get update && apt-get install -y --no-install-recommends g++ && rm -rf /var/lib/apt/lists/*
WORKDIR /opt/windlass
# The CPU build of torch saves gigabytes of CUDA libraries.
RUN pip install --no-cache-dir --index-url https://download.pytorch.org/whl/cpu "torch>=2.11,<2.14"
COPY . .
RUN pip install --no-cache-dir .

RUN useradd --create-home windlass && mkdir -p /runs /cache && chown windlass /runs /cache
USER windlass
WORKDIR /home/windlass
ENV WINDLASS_RUNS_DIR=/runs WINDLASS_CACHE_DIR=/cache
VOLUME ["/runs", "/cache"]
ENTRYPOINT ["windlass"]
CMD ["train"]
