/**
 * What a root preserves besides contents, modes, owners and times, when its configuration says so: ACLs and extended
 * attributes, as they travel with an entry, and hard links, which are changes of their own kind.
 *
 * `welcome` says which kinds the root preserves. Of these kinds, an entry has exactly what its `extended` holds: an
 * entry without one has none. Of other kinds nothing is said, and a receiver leaves them alone.
 */
import Type, { type Static } from 'typebox'
import { OwnerId } from './entry.ts'
import { LIMITS } from './limits.ts'

const closed = { additionalProperties: false } as const

/** The kinds of extended attributes: `user.*`, `security.selinux` and `security.capability`. */
export const XATTR_KINDS = ['user', 'selinux', 'capability'] as const
export const XattrKind = Type.Union([Type.Literal('user'), Type.Literal('selinux'), Type.Literal('capability')])
export type XattrKind = Static<typeof XattrKind>

export const Preserved = Type.Object(
  {
    acls: Type.Boolean(),
    xattrs: Type.Array(XattrKind, { maxItems: XATTR_KINDS.length }),
    hardLinks: Type.Boolean(),
  },
  closed,
)
export type Preserved = Static<typeof Preserved>

export const NOTHING_PRESERVED: Preserved = { acls: false, xattrs: [], hardLinks: false }

/**
 * One entry of an ACL: a user, a group, the mask or others; the number, or null for the owner, the owning group, the
 * mask and others; and the permissions.
 */
export const AclEntry = Type.Tuple([
  Type.Union([Type.Literal('u'), Type.Literal('g'), Type.Literal('m'), Type.Literal('o')]),
  Type.Union([OwnerId, Type.Null()]),
  Type.Integer({ minimum: 0, maximum: 7 }),
])
export type AclEntry = Static<typeof AclEntry>
/** In the kernel's order: owner, users, owning group, groups, mask, others. */
export const Acl = Type.Array(AclEntry, { minItems: 3, maxItems: LIMITS.aclEntries })
export type Acl = Static<typeof Acl>

/** A name and its value as base64. */
export const Xattr = Type.Tuple([
  Type.String({
    minLength: 1,
    maxLength: 255,
    pattern: '^(user\\.[^\\u0000]+|security\\.(selinux|capability))$',
  }),
  Type.String({
    maxLength: LIMITS.attributeText,
    pattern: '^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$',
  }),
])
export type Xattr = Static<typeof Xattr>

/** `acl`: one that says more than the mode. `defaultAcl`: of a directory, for what is created in it. */
export const Extended = Type.Object(
  {
    acl: Type.Optional(Acl),
    defaultAcl: Type.Optional(Acl),
    xattrs: Type.Optional(Type.Array(Xattr, { minItems: 1, maxItems: LIMITS.attributes })),
  },
  closed,
)
export type Extended = Static<typeof Extended>
