import { BadRequestError } from '@/common/app-error';

/** 400: statistics cannot be had for this span of time. */
export class InvalidRangeError extends BadRequestError {
  constructor(message: string) {
    super(message, 'invalid_range');
  }
}
