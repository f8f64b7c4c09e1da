/** How fastify uses TypeBox: schemas type and check bodies, parameters and answers. */

import { HttpProblem, schemaFaults } from '@rootferry/host/daemon'
import type {
  FastifyBaseLogger,
  FastifyInstance,
  FastifySchemaCompiler,
  FastifyTypeProvider,
  RawReplyDefaultExpression,
  RawRequestDefaultExpression,
  RawServerDefault,
} from 'fastify'
import type { Static, TSchema } from 'typebox'
import { Compile, type Validator } from 'typebox/compile'

interface TypeBoxProvider extends FastifyTypeProvider {
  validator: this['schema'] extends TSchema ? Static<this['schema']> : unknown
  serializer: this['schema'] extends TSchema ? Static<this['schema']> : unknown
}

/** A fastify whose handlers are typed by the schemas of their routes. */
export type Http = FastifyInstance<
  RawServerDefault,
  RawRequestDefaultExpression,
  RawReplyDefaultExpression,
  FastifyBaseLogger,
  TypeBoxProvider
>

/** Every fault in one sentence, with what is accepted. Nothing is coerced, filled in or removed. */
export const checkRequest: FastifySchemaCompiler<TSchema> = ({ schema, httpPart }) => {
  let compiled: Validator | undefined
  return (value) => {
    // At the first request: a start compiles none of the many.
    compiled ??= Compile(schema)
    if (compiled.Check(value)) return { value }
    const faults = schemaFaults(compiled.Errors(value), schema).map(({ path, message }) =>
      [path.length > 0 ? path.join('.') : `the ${httpPart ?? 'request'}`, message].join(' '),
    )
    return { error: new HttpProblem('invalid-request', faults.join('; ')) }
  }
}
