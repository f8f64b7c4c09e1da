/** Who may come in: sessions of the page, links to it, and tokens. */
import Type, { type Static } from 'typebox'
import { Count, closed, Name, OrNull, words } from './elements.ts'

export const SignIn = Type.Union(
  [
    Type.Object({ token: Type.String({ minLength: 1, maxLength: 300, description: 'an admin token' }) }, closed),
    Type.Object({ code: Type.String({ minLength: 1, maxLength: 300, description: 'the code of a link' }) }, closed),
  ],
  { description: 'an object with a token, or with the code of a link' },
)

export const SignedIn = Type.Object(
  { name: Type.String(), access: words('full', 'read'), version: Type.String() },
  { ...closed, description: 'the name of the token; read: it may look, and change nothing' },
)

export const PageLink = Type.Object(
  { path: Type.String({ description: 'on this listener' }), expiresSeconds: Count },
  closed,
)

const Days = (about: string, most: number) =>
  Type.Integer({
    minimum: 1,
    maximum: most * 86_400,
    description: `a whole number of seconds from 1 to ${most * 86_400}: ${about}`,
  })

export const TokenBody = Type.Object(
  {
    name: Type.String({ minLength: 1, maxLength: 63, description: 'a name' }),
    kind: Type.Enum(['receiver', 'admin', 'admin-read'], { description: 'receiver, admin or admin-read' }),
    roots: Type.Optional(
      Type.Array(Name, { maxItems: 1_000, description: 'a list of names of roots (empty: all)', default: [] }),
    ),
    url: Type.Optional(
      Type.String({ maxLength: 300, description: 'where receivers reach this agent, as wss://admin.internal:8730' }),
    ),
    expiresSeconds: Type.Optional(
      Days('useless after that; without it the invitation of one node after 7 days', 3_650),
    ),
    many: Type.Optional(
      Type.Boolean({ description: 'true or false: for nodes that come and go, each with a name', default: false }),
    ),
    forgetAfterSeconds: Type.Optional(Days('with many: a node that was away for that long is forgotten', 365)),
  },
  { ...closed, description: 'an object with name and kind' },
)

export const MadeToken = Type.Object(
  {
    token: Type.String({ description: 'it is stored nowhere' }),
    invitation: OrNull(Type.String({ description: 'the line for rootferry-receiver join' })),
    hints: Type.Array(Type.String()),
  },
  closed,
)

const Token = Type.Object(
  {
    name: Type.String(),
    kind: words('receiver', 'admin', 'admin-read'),
    roots: OrNull(Type.Array(Name, { description: 'null: all' })),
    createdAt: Type.String(),
    expiresAt: OrNull(Type.String()),
    nodes: OrNull(Type.Array(Type.String(), { description: 'null: a token of one node' })),
  },
  closed,
)

export const Tokens = Type.Object({ tokens: Type.Array(Token) }, closed)

export type TokenAnswer = Static<typeof Token>

export type MadeTokenAnswer = Static<typeof MadeToken>

export type SignedInAnswer = Static<typeof SignedIn>
