package apiops

// The seed's requests, which the document shows as examples.
const SeedAdd, SeedUpdate, SeedDelete = addPolicyBody, updatePolicyBody, deletePolicyBody
