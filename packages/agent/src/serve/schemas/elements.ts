/** What the schemas of the admin API are made of. Closed: an unknown key of a body is refused. */
import Type, { type TSchema } from 'typebox'

export const closed = { additionalProperties: false } as const

export const words = <const Words extends string[]>(...accepted: Words) =>
  Type.Enum([...accepted], { description: accepted.join(' or ') })

export const OrNull = <Schema extends TSchema>(schema: Schema) => Type.Union([schema, Type.Null()])

export const Count = Type.Integer({ minimum: 0 })

export const Time = Type.String({ format: 'date-time', description: 'a time as 2026-01-31T08:15:00.000Z' })

export const Name = Type.String({ minLength: 1, maxLength: 63, description: 'a name' })
