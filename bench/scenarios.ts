/** How messages are posted: as fast as they get through, or at a fixed rate. */
export type LoadShape = 'closed' | 'open';

/** A named set of defaults; every figure can be changed by an option of the command line. */
export interface Scenario {
  shape: LoadShape;
  applications: number;
  endpointsPerApplication: number;
  durationSeconds: number;
  warmupSeconds: number;
  connections: number;
  /** Closed loop: deliveries that may be on their way at the same time. */
  backlog: number;
  /** Open loop: messages a second; without it, half of what a closed loop reaches first. */
  rate?: number;
}

const steady: Scenario = {
  shape: 'closed',
  applications: 50,
  endpointsPerApplication: 1,
  durationSeconds: 20,
  warmupSeconds: 3,
  connections: 200,
  backlog: 2_000,
};

export const SCENARIOS = {
  steady,
  open: { ...steady, shape: 'open', rate: 350 },
  half: { ...steady, shape: 'open' },
  fanout: { ...steady, applications: 10, endpointsPerApplication: 20 },
  smoke: {
    ...steady,
    applications: 5,
    endpointsPerApplication: 2,
    durationSeconds: 3,
    warmupSeconds: 0.5,
    connections: 20,
    backlog: 400,
  },
} satisfies Record<string, Scenario>;

export type ScenarioName = keyof typeof SCENARIOS;

export function isScenarioName(name: string): name is ScenarioName {
  return Object.hasOwn(SCENARIOS, name);
}
