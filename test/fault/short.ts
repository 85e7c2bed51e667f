/** The short version of the tests: a few cases and rounds, each over quickly. */
export const IS_SHORT = process.env['POSTHORN_FAULT_SHORT'] === '1';
