"""Networks of infinitely many neurons: the two limits of training, and what a finite network has of them."""
