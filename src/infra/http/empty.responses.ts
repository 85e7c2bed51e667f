/** An answer that says nothing but its status. */
export class EmptyOut {}
