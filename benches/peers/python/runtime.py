"""A minimal loop over the Lambda Runtime API: less work than the managed runtime does."""

import http.client
import importlib
import json
import os
import sys
import time

PREFIX = "/2018-06-01/runtime/invocation"


class Context:
    def __init__(self, headers):
        self.aws_request_id = headers["lambda-runtime-aws-request-id"]
        self.deadline_millis = int(headers["lambda-runtime-deadline-ms"])
        self.function_name = os.environ["AWS_LAMBDA_FUNCTION_NAME"]

    def get_remaining_time_in_millis(self):
        return self.deadline_millis - int(time.time() * 1000)


def call(connection, method, suffix, body=None):
    connection.request(method, PREFIX + suffix, body)
    response = connection.getresponse()
    return response.headers, response.read()


def main():
    handler = importlib.import_module(sys.argv[1]).handler
    connection = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])
    while True:
        headers, body = call(connection, "GET", "/next")
        context = Context(headers)
        try:
            result = handler(json.loads(body), context)
            call(connection, "POST", f"/{context.aws_request_id}/response", json.dumps(result))
        except Exception as error:
            told = {"errorType": type(error).__name__, "errorMessage": str(error)}
            call(connection, "POST", f"/{context.aws_request_id}/error", json.dumps(told))


main()
