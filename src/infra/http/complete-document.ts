import { type OpenAPIObject } from '@nestjs/swagger';

type Operation = NonNullable<OpenAPIObject['paths'][string]['get']>;
type Parameter = NonNullable<Operation['parameters']>[number];

/** What the parameters in paths are; the same name means the same thing in every path. */
const PATH_PARAMETERS: Record<string, { description: string; example: string }> = {
  app_id: { description: 'Id or uid of the application.', example: 'app_2mXLPKqXdU5bY8rVvY6jvBEuCbD' },
  endpoint_id: { description: 'Id or uid of the endpoint.', example: 'ep_2mXLPKqXdU5bY8rVvY6jvBEuCbD' },
  msg_id: { description: 'Id or eventId of the message.', example: 'msg_2mXLPKqXdU5bY8rVvY6jvBEuCbD' },
  attempt_id: { description: 'Id of the attempt.', example: 'atmpt_2mXLPKqXdU5bY8rVvY6jvBEuCbD' },
  event_type_name: { description: 'Name of the event type.', example: 'user.signup' },
};

const IDEMPOTENCY_KEY: Parameter = {
  name: 'idempotency-key',
  in: 'header',
  required: false,
  description: 'A repetition with the same key within 12 hours gets the first answer again and does nothing more.',
  schema: { type: 'string', maxLength: 512 },
};

/** Adds to a generated document what holds for all operations, and takes out what none of them said. */
export function completeDocument(document: OpenAPIObject): OpenAPIObject {
  for (const path of Object.values(document.paths)) {
    for (const operation of [path.get, path.post, path.put, path.patch, path.delete]) {
      if (operation !== undefined) {
        completeOperation(operation);
      }
    }
    if (path.post !== undefined) {
      path.post.parameters = [...(path.post.parameters ?? []), IDEMPOTENCY_KEY];
    }
  }
  return document;
}

function completeOperation(operation: Operation): void {
  const parameters = operation.parameters ?? [];
  parameters.forEach(describePathParameter);
  for (const [status, response] of Object.entries(operation.responses)) {
    // Every response of ours has a description; the generator adds one without for the status that it expects.
    const isUnsaid = response !== undefined && 'description' in response && response.description === '';
    const isImpossible =
      status === '404' && !parameters.some((parameter) => 'in' in parameter && parameter.in === 'path');
    if (isUnsaid || isImpossible) {
      delete operation.responses[status];
    }
  }
}

function describePathParameter(parameter: Parameter): void {
  if (!('in' in parameter) || parameter.in !== 'path') {
    return;
  }
  const known = PATH_PARAMETERS[parameter.name];
  if (known === undefined) {
    throw new Error(`The path parameter ${parameter.name} is not described in complete-document.ts`);
  }
  Object.assign(parameter, known);
}
