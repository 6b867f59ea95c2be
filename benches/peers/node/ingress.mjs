// The ingress as a user of Node.js would write it: verify, find the call, send to a FIFO queue, answer.
import { createHmac, randomUUID, timingSafeEqual } from "node:crypto";
import { getSecret } from "@aws-lambda-powertools/parameters/secrets";
import { SQSClient, SendMessageCommand } from "@aws-sdk/client-sqs";

const sqs = new SQSClient({});

const answer = (statusCode, body) => ({
  statusCode,
  headers: { "content-type": "application/json" },
  body: JSON.stringify(body),
});

const isSigned = (body, sent, secrets) => {
  const tag = Buffer.from((sent ?? "").replace(/^sha256=/i, ""), "hex");
  return secrets.some((secret) => {
    const expected = createHmac("sha256", secret).update(body).digest();
    return tag.length === expected.length && timingSafeEqual(tag, expected);
  });
};

export const handler = async (event) => {
  const source = event.rawPath.split("/")[2];
  const document = await getSecret(process.env.SOURCES_SECRET_ID, { maxAge: 300, transform: "json" });
  const configured = document.sources[source];
  if (!configured) return answer(404, { error: "not_found" });
  const body = Buffer.from(event.body ?? "", event.isBase64Encoded ? "base64" : "utf8");
  if (!isSigned(body, event.headers["x-webhook-signature"], configured.secrets)) {
    return answer(401, { error: "unauthorized" });
  }
  const { event: kind, data } = JSON.parse(body.toString("utf8"));
  const id = randomUUID();
  const envelope = {
    id,
    source,
    kind,
    entity: `${source}/call/${data.call_id}`,
    received_at: new Date().toISOString(),
    body: body.toString("base64"),
  };
  await sqs.send(
    new SendMessageCommand({
      QueueUrl: process.env.QUEUE_URL,
      MessageGroupId: envelope.entity,
      MessageDeduplicationId: id,
      MessageBody: JSON.stringify(envelope),
    }),
  );
  return answer(200, { received: true, id, events: 1 });
};
