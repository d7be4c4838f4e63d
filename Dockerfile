# efficient-hrl on CPUs. How to use it, and how far it was tried: docs/machines.md.
FROM python:3.11-slim-bookworm

# OpenGL without a screen, for the camera's view in videos.
RUN apt-get update \
    && apt-get install -y --no-install-recommends libegl1 libgl1-mesa-dri libosmesa6 \
    && rm -rf /var/lib/apt/lists/*

WORKDIR /efficient-hrl
COPY requirements.txt ./
RUN pip install --no-cache-dir -r requirements.txt
COPY . .

# For users without a home, as `docker run --user` makes them.
ENV MPLCONFIGDIR=/tmp/matplotlib
RUN mkdir -m 777 runs

ENTRYPOINT ["python", "run.py"]
