import { Module } from '@nestjs/common';
import { Rollup } from './rollup';
import { RollupRepository } from './rollup.repository';

/** Keeps the tables that statistics are read from. */
@Module({ providers: [Rollup, RollupRepository], exports: [Rollup] })
export class RollupModule {}
