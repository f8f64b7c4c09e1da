/**
 * Text frames to messages and back: parse, then validate against the schema of the named type, or throw a
 * ProtocolError.
 *
 * A decoded message has exactly the shape of its schema: no unknown fields, every bound held. Nothing is cast before it
 * was checked. Rules that need the state of the exchange (order, credit, sums) belong to the sessions.
 */
import { Buffer } from 'node:buffer'
import type { Static, TSchema } from 'typebox'
import { Compile, type Validator } from 'typebox/compile'
import { ProtocolError } from './errors.ts'
import { LIMITS } from './limits.ts'
import { TO_AGENT, TO_RECEIVER, type ToAgent, type ToReceiver } from './messages.ts'

export function encodeMessage(message: ToAgent | ToReceiver): string {
  return JSON.stringify(message)
}

/** The size of a text in a message: a quote takes two bytes there, and a control character six. */
export function encodedBytes(text: string): number {
  return Buffer.byteLength(JSON.stringify(text))
}

export const decodeToAgent = decoder<typeof TO_AGENT>(TO_AGENT)
export const decodeToReceiver = decoder<typeof TO_RECEIVER>(TO_RECEIVER)

function decoder<Table extends Record<string, TSchema>>(table: Table) {
  type Message = Static<Table[keyof Table]>
  /** A validator is compiled on first use: no process receives all types, and many threads receive none. */
  const validators = new Map<string, Validator>()
  const validatorOf = (type: string) => {
    const schema = Object.hasOwn(table, type) ? table[type] : undefined
    if (schema !== undefined && !validators.has(type)) validators.set(type, Compile(schema))
    return validators.get(type)
  }

  /** @throws ProtocolError when the frame is not a message that may travel in this direction */
  return (frame: Uint8Array | string): Message => {
    const message = parse(frame)
    const type = typeof message === 'object' && message !== null && 'type' in message ? message.type : undefined
    const validator = typeof type === 'string' ? validatorOf(type) : undefined
    if (validator === undefined) throw new ProtocolError('malformed-message', `unknown message type ${describe(type)}`)
    if (!validator.Check(message)) {
      const fault = validator.Errors(message).find((error) => error.keyword !== 'boolean')
      const where = fault === undefined || fault.instancePath === '' ? 'message' : fault.instancePath
      throw new ProtocolError('malformed-message', `${String(type)}: ${where} ${fault?.message ?? 'is not valid'}`)
    }
    return message as Message
  }
}

function parse(frame: Uint8Array | string): unknown {
  const bytes = typeof frame === 'string' ? Buffer.byteLength(frame) : frame.byteLength
  if (bytes > LIMITS.messageBytes) throw new ProtocolError('limit-exceeded', `a message of ${bytes} bytes`)
  try {
    return JSON.parse(typeof frame === 'string' ? frame : Buffer.from(frame.buffer, frame.byteOffset, bytes).toString())
  } catch (cause) {
    throw new ProtocolError('malformed-message', 'a text frame that is not JSON', { cause })
  }
}

function describe(value: unknown): string {
  return (JSON.stringify(value) ?? 'none').slice(0, 40)
}
