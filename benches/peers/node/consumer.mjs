// The consumer as a user of Node.js would write it: Powertools for the FIFO batch and for idempotency,
// one write of the call's state. The idempotency record keeps what the handler returns: the event's data.
import { SqsFifoPartialProcessorAsync, processPartialResponse } from "@aws-lambda-powertools/batch";
import { IdempotencyConfig, makeIdempotent } from "@aws-lambda-powertools/idempotency";
import { DynamoDBPersistenceLayer } from "@aws-lambda-powertools/idempotency/dynamodb";
import { DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { DynamoDBDocumentClient, UpdateCommand } from "@aws-sdk/lib-dynamodb";

const dynamodb = DynamoDBDocumentClient.from(new DynamoDBClient({}));
const processor = new SqsFifoPartialProcessorAsync();
const config = new IdempotencyConfig({ eventKeyJmesPath: "key", expiresAfterSeconds: 30 * 24 * 3600 });
const persistenceStore = new DynamoDBPersistenceLayer({ tableName: process.env.IDEMPOTENCY_TABLE_NAME });

const FIELDS = {
  status: "call_status",
  direction: "call_direction",
  caller: "caller_number",
  called: "called_number",
  duration_secs: "call_duration",
  disposition: "disposition",
  sentiment: "sentiment",
  transcript: "transcription",
  recording: "recording_url",
  tags: "tags",
};

const applied = async ({ entity, occurredAt, data }) => {
  const set = Object.entries(FIELDS).filter(([, name]) => data[name] !== undefined);
  const names = Object.fromEntries(set.map(([field]) => [`#${field}`, field]));
  const values = Object.fromEntries(set.map(([field, name]) => [`:${field}`, data[name]]));
  await dynamodb.send(
    new UpdateCommand({
      TableName: process.env.TABLE_NAME,
      Key: { pk: entity, sk: "state" },
      UpdateExpression: `SET ${set.map(([field]) => `#${field} = :${field}`).join(", ")}, #updated_at = :updated_at`,
      ExpressionAttributeNames: { ...names, "#updated_at": "updated_at" },
      ExpressionAttributeValues: { ...values, ":updated_at": occurredAt },
    }),
  );
  return data;
};

const handle = makeIdempotent(applied, { persistenceStore, config });

const handleRecord = async (record) => {
  const envelope = JSON.parse(record.body);
  const { event, timestamp, data } = JSON.parse(Buffer.from(envelope.body, "base64").toString("utf8"));
  await handle({ key: `${event}|${envelope.entity}`, entity: envelope.entity, occurredAt: timestamp, data });
};

export const handler = async (event, context) => {
  config.registerLambdaContext(context);
  return processPartialResponse(event, handleRecord, processor, { context });
};
