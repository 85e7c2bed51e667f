import { type FastifyReply } from 'fastify';

/** Answers with text that is JSON already. */
export function sendJsonText(reply: FastifyReply, status: number, text: string): void {
  void reply.status(status).header('content-type', 'application/json; charset=utf-8').send(text);
}
