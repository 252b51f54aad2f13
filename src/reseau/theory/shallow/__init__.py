"""One hidden layer of ReLU: the network as an object, its homogeneity, its canonical form, its strongest neuron."""
