"""What a person is told of a trained model: measures beside simple models, importance of columns, a document."""
