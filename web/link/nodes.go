package link

// Nodes is the page of all gateway nodes.
const Nodes = "/nodes"
