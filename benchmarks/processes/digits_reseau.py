"""A whole process: read digits, train 64-100-10 with Adam for 50 epochs, score it."""

import reseau as rs

table = rs.data.digits()
X, y = table.features.reshape(-1, 64), table.target
x = rs.input("x", (64,))
net = rs.Network(x, rs.affine(rs.relu(rs.affine(x, 100)), 10))
objective = rs.Objective(net, rs.losses.CrossEntropy(), rs.penalties.L2(1e-4))
result = rs.fit(
    objective, (X, y), optimizer=rs.optimizers.Adam(1e-3), batches=rs.batches.Shuffled(200), epochs=50, progress=False
)
print(objective.evaluate(result.params, X, y)["accuracy"])
