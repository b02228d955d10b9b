# The web page and /predict: the same package as the other images, with only the libraries that the page needs.
# For the classic builder as well as for BuildKit: no syntax line, no cache mounts.
ARG PYTHON_IMAGE=python:3.11-slim-bookworm

# the same as in Dockerfile, so that both share it in the cache
FROM ${PYTHON_IMAGE} AS wheel
WORKDIR /build
COPY docker/build.lock ./
RUN python -m pip install --no-cache-dir --disable-pip-version-check --root-user-action=ignore \
      --require-hashes -r build.lock
COPY pyproject.toml README.md LICENSE ./
COPY src src
RUN python -m pip wheel --no-cache-dir --disable-pip-version-check --no-deps --no-build-isolation --wheel-dir /dist .

# Libraries without their tests, sources and type stubs, and without the 8 MB of languages that nothing here highlights.
FROM ${PYTHON_IMAGE} AS libraries
COPY docker/frontend.lock /tmp/
RUN python -m venv --without-pip /opt/keepfit \
 && python -m pip --python /opt/keepfit/bin/python install --no-cache-dir --disable-pip-version-check --no-compile \
      --require-hashes -r /tmp/frontend.lock \
 && cd /opt/keepfit/lib/python3.*/site-packages \
 && rm -rf numpy/*/tests numpy/tests numpy/f2py numpy/_core/include numpy/_core/lib/*.a ml_dtypes/include \
      simdjson/*.h simdjson/*.cpp simdjson/*.pyx simdjson/*.pxd \
 && find pygments/lexers -name '*.py' ! -name __init__.py ! -name _mapping.py -delete \
 && find . -name '*.pyi' -delete \
 && python -m compileall -q -j 0 /opt/keepfit/lib

# The root file system is read-only, and the user has no entry in /etc/passwd.
FROM ${PYTHON_IMAGE} AS frontend
COPY --from=libraries /opt/keepfit /opt/keepfit
COPY docker/healthcheck.sh /usr/local/bin/healthcheck
RUN chmod 0755 /usr/local/bin/healthcheck
ENV PYTHONUNBUFFERED=1 \
    HOME=/tmp \
    USER=keepfit
LABEL org.opencontainers.image.title="Keepfit web page" \
      org.opencontainers.image.description="The web page and /predict of Keepfit, in front of a model server" \
      org.opencontainers.image.licenses="MIT"
WORKDIR /project
ENTRYPOINT ["keepfit"]
CMD ["frontend", "--host", "0.0.0.0"]
COPY --from=wheel /dist /tmp/dist
RUN python -m pip --python /opt/keepfit/bin/python install --no-cache-dir --disable-pip-version-check --no-deps \
      --no-index /tmp/dist/*.whl
ENV PATH=/opt/keepfit/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
USER 1000:1000
