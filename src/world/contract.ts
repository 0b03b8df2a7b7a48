// The contract stands in protocol/, because the page reads it too; below, it is the world's.
export * from '../protocol/contract';
