// The address by which a telephone number is called: a link may hold no blanks.

export const dial = (phone) => `tel:${phone.replaceAll(" ", "")}`;
