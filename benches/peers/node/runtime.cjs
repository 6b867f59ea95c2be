// A minimal loop over the Lambda Runtime API: less work than the managed runtime does.
const http = require("node:http");
const path = require("node:path");

const [host, port] = process.env.AWS_LAMBDA_RUNTIME_API.split(":");
const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
const prefix = "/2018-06-01/runtime/invocation";

const call = (method, suffix, body) =>
  new Promise((resolve, reject) => {
    const headers = body === undefined ? {} : { "content-length": Buffer.byteLength(body) };
    const request = http.request({ host, port, agent, method, path: prefix + suffix, headers }, (response) => {
      const chunks = [];
      response.on("data", (chunk) => chunks.push(chunk));
      response.on("end", () => resolve({ headers: response.headers, body: Buffer.concat(chunks) }));
    });
    request.on("error", reject);
    request.end(body);
  });

const main = async () => {
  const { handler } = require(path.resolve(process.argv[2]));
  for (;;) {
    const { headers, body } = await call("GET", "/next");
    const id = headers["lambda-runtime-aws-request-id"];
    const deadline = Number(headers["lambda-runtime-deadline-ms"]);
    const context = {
      awsRequestId: id,
      functionName: process.env.AWS_LAMBDA_FUNCTION_NAME,
      getRemainingTimeInMillis: () => deadline - Date.now(),
    };
    try {
      const result = await handler(JSON.parse(body.toString("utf8")), context);
      await call("POST", `/${id}/response`, JSON.stringify(result));
    } catch (error) {
      await call("POST", `/${id}/error`, JSON.stringify({ errorType: error.name, errorMessage: error.message }));
    }
  }
};

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
