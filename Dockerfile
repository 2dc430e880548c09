# The program alone, on a processor: docker build -t bench . && docker run --rm -v "$PWD:/data" bench train vae
# Written, and not built where the tests run.
FROM python:3.11-slim AS build
WORKDIR /source
COPY . .
RUN pip install --no-cache-dir "hatchling>=1.27" && python -m hatchling build -t wheel -d /dist

FROM python:3.11-slim
COPY --from=build /dist /dist
# torch is named beside what needs it, so that pip chooses one build of it.
RUN pip install --no-cache-dir "torch>=2.11,<2.14" /dist/*.whl && rm -r /dist
ENV MLFLOW_DISABLE_TELEMETRY=true
WORKDIR /data
ENTRYPOINT ["bench"]
CMD ["--help"]
