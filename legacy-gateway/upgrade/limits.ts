/** Characters of an invitation: 170 in most cases, more with a long host name. */
export const INVITATION_MAX = 1_024;

/** Milliseconds that an invitation can be taken: the longest that the overlay allows, since letters are read late. */
export const INVITATION_LIFETIME = 30 * 24 * 3_600_000;

/** Milliseconds that an invitation must still last to be sent once more; else a new one is made. */
export const INVITATION_MARGIN = 10 * 24 * 3_600_000;

/** Milliseconds until another invitation is made in the place of one that was withdrawn or is dead. */
export const INVITATION_PAUSE = 24 * 3_600_000;

/** Invitations that can be taken at the same time: half of the open invites that a bridge may have; each is a queue at the relay. */
export const INVITATIONS_MAX = 128;

/** Invitations that are kept of one address: theirs, and two that somebody may have forged. */
export const OFFERS_PER_ADDRESS = 3;

/** Invitations that are kept of all addresses: anybody can write From, and each is a row. */
export const OFFERS_MAX = 300;

/** Notices of invitations in a day; further ones are listed, and told on the next days. */
export const OFFERS_TOLD_A_DAY = 10;
