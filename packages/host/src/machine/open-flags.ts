/** Flags and modes of Linux that Node does not name. */

/** A descriptor for naming only: it needs no read permission, and opens a FIFO without waiting. */
export const O_PATH = 0o10000000
/** The permissions that the owner of a directory needs to work in it. */
export const OWNER_ACCESS = 0o700
/** The bits of a mode that chmod(1) calls permissions, without set-user-id, set-group-id and sticky. */
export const PERMISSIONS = 0o777
