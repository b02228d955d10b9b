#!/bin/bash
# As tensorflow/serving's own: MODEL_NAME and MODEL_BASE_PATH say what is served, further arguments go to the server.
exec keepfit-model-server --host=0.0.0.0 --port=8500 --rest_api_port=8501 \
  --model_name="${MODEL_NAME}" --model_base_path="${MODEL_BASE_PATH}/${MODEL_NAME}" "$@"
